Attribute VB_Name = "AutoXeroSettings"
Option Explicit

' Reads and writes the column Value of the table Settings in the open workbook. The agent reads it once it is saved.

Private Const OWN_CURRENCY As String = "(the books' own)"
Private Const BETWEEN As String = "|"
Private Const MOST_LISTS As Long = 30
Private typedAt As Date

Private Function SettingCell(ByVal settingName As String) As Range
    Set SettingCell = CellBeside(TableRange("Settings"), "Setting", settingName, "Value")
End Function

' The value of a setting as it stands in its cell, or nothing.
Public Function SettingText(ByVal settingName As String) As String
    Dim cell As Range
    Set cell = SettingCell(settingName)
    If Not cell Is Nothing Then SettingText = TextOf(cell)
End Function

' Whether a setting says Yes, in the words that the agent takes for it.
Public Function IsYes(ByVal settingName As String) As Boolean
    IsYes = InStr("|yes|true|y|on|1|", BETWEEN & LCase$(SettingText(settingName)) & BETWEEN) > 0
End Function

' Puts a value into a setting's cell; False, and told why, where that cannot be.
Public Function IsChanged(ByVal settingName As String, ByVal value As String) As Boolean
    Dim cell As Range
    If Not IsKept() Then Exit Function
    Set cell = SettingCell(settingName)
    If IsReadOnly() Then
        Tell "This workbook is open for reading only, so it cannot be saved. Close it where else it is open, and " _
            & "open it again."
    ElseIf cell Is Nothing Then
        Tell "The table Settings has no row '" & settingName & "'. 'autoxero rebuild' brings it back."
    ElseIf cell.Worksheet.ProtectContents And cell.Locked Then
        Tell "The sheet " & cell.Worksheet.Name & " is protected. Take the protection off (Review, Unprotect Sheet) " _
            & "and press the button again."
    Else
        cell.Value = value
        typedAt = Now
        Say "'" & settingName & "' is now '" & value & "'. It counts once the workbook is saved."
        IsChanged = True
    End If
End Function

' Notes when somebody changes what the agent goes by. Its own writing leaves these columns alone.
Public Sub NoteTyped(ByVal changed As Range, ByVal tableName As String, ByVal heading As String)
    Dim cells As Range
    Set cells = ColumnOf(TableRange(tableName), heading)
    If cells Is Nothing Then Exit Sub
    If Not (Application.Intersect(changed, cells) Is Nothing) Then typedAt = Now
End Sub

' Whether a setting or a mapping was changed and not saved since: the agent goes by the saved file.
Public Function IsTypedOnly() As Boolean
    If typedAt > SavedAt() Then IsTypedOnly = Not ThisWorkbook.Saved
End Function

' Pauses the agent or lets it go on; saved at once, since the agent reads the saved file.
Public Sub Pause(ByVal isPaused As Boolean)
    If Len(ThisWorkbook.Path) = 0 Then
        TellToSave
    ElseIf IsChanged("Paused", IIf(isPaused, "Yes", "No")) Then
        ThisWorkbook.Save
        If Not IsKept() Then Exit Sub  ' saved, a copy shows that it is one
        If Not ThisWorkbook.Saved Then
            Tell "'Paused' is changed here, but the workbook could not be saved, so it does not count yet. Save it " _
                & "(File, Save), or type: autoxero set Paused " & IIf(isPaused, "Yes", "No")
        Else
            Say IIf(isPaused, "Paused and saved: a sync under way stops before its next batch; nothing more is sent " _
                & "until you press Go on.", "Saved: the agent goes on with its next run.") & CloudHint()
        End If
    End If
End Sub

Public Sub TellToSave()
    Tell "This workbook has never been saved. Save it first (File, Save As), then run 'autoxero install' once."
End Sub

' What the list Currency offers: the books' own, what Xero has, and what stands in the cell if it is neither.
Public Function CurrencyLabels() As Variant
    Dim labels As String
    Dim chosen As String
    Dim place As Long
    Dim heading As Range
    labels = OWN_CURRENCY
    Set heading = ListHeading("Currencies")
    If Not heading Is Nothing Then
        place = 1
        Do While Len(TextOf(heading.Offset(place, 0))) > 0
            labels = labels & BETWEEN & TextOf(heading.Offset(place, 0))
            place = place + 1
        Loop
    End If
    chosen = SettingText("Currency")
    If Len(chosen) > 0 And InStr(BETWEEN & labels & BETWEEN, BETWEEN & chosen & BETWEEN) = 0 Then
        labels = labels & BETWEEN & chosen
    End If
    CurrencyLabels = Split(labels, BETWEEN)
End Function

' The heading of a list behind the drop-downs; its entries stand below it without a gap.
Private Function ListHeading(ByVal heading As String) As Range
    Dim sheet As Object
    Dim place As Long
    Set sheet = ThisWorkbook.Worksheets("_lists")
    For place = 1 To MOST_LISTS
        If TextOf(sheet.Cells(1, place)) = heading Then
            Set ListHeading = sheet.Cells(1, place)
            Exit Function
        End If
    Next place
End Function

' The place of the chosen currency in the list, counted from 0.
Public Function CurrencyIndex() As Long
    Dim labels As Variant
    Dim place As Long
    labels = CurrencyLabels()
    For place = 1 To UBound(labels)
        If labels(place) = SettingText("Currency") Then CurrencyIndex = place
    Next place
End Function

Public Sub ChooseCurrency(ByVal index As Long)
    Dim label As String
    label = CurrencyLabels()(index)
    If index = CurrencyIndex() Then Exit Sub
    If Not IsAgreed("Change the currency to " & label & "?" & vbLf _
        & "It is used for invoices for which Autotask gives no currency. Nothing is converted.") Then Exit Sub
    If IsChanged("Currency", IIf(index = 0, "", label)) Then
        Say "Currency is now " & label & ". It counts once the workbook is saved."
    End If
End Sub

Public Sub ChooseNumbers(ByVal isAutotask As Boolean)
    Dim question As String
    question = IIf(isAutotask, "Use Autotask's invoice numbers in Xero from now on?", _
        "Let Xero number invoices from now on?")
    If Not IsAgreed(question & vbLf & "Invoices that are in Xero already keep their numbers.") Then Exit Sub
    IsChanged "Use Autotask Numbers", IIf(isAutotask, "Number", "No")
End Sub
